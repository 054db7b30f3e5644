// What a node says of itself: the body of its object in the store, its ranges under the names of their flags.
import { Type, type Static, type TArray, type TString } from 'typebox'
import { maxPools } from '../../model/address/ranges.ts'
import { checker } from '../../model/validate.ts'

/** A pool of 64 ranges of the longest addresses is shorter. */
const texts = (maxItems: number): TArray<TString> => Type.Array(Type.String({ maxLength: 8_192 }), { maxItems })
const NodeBody = Type.Object({
  node: Type.String({ maxLength: 256 }),
  /** Where clients reach it, for those that another node sends away. */
  http: Type.Optional(Type.String({ maxLength: 256 })),
  'service-cidr': texts(2),
  'node-port-range': texts(1),
  'load-balancer-pool': texts(maxPools)
}, { additionalProperties: false })

export type NodeBody = Static<typeof NodeBody>
export const settings = ['service-cidr', 'node-port-range', 'load-balancer-pool'] as const
export const checkNodeRanges = checker(NodeBody)

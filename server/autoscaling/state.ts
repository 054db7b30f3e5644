// What is remembered of one autoscaler between two rounds, and kept as a note of the store: whoever decides next goes on from it.
import { Type } from 'typebox'
import type { MetricStatus } from '../../client-sdk/src/autoscaling-manifests.ts'
import { checker } from '../model/validate.ts'
import { readJson } from '../model/stored-text.ts'
import type { Memory } from './behavior.ts'

export interface KeptDecision {
  readonly sequence: number
  readonly atMs: number
  readonly from: number
  readonly to: number
  readonly reason: string
  readonly metrics: readonly MetricStatus[]
  /** As many instances as were wanted have been counted since. */
  readonly isFollowed: boolean
}

export interface AutoscalerState {
  /** Of the object: one that was made anew begins anew. */
  readonly uid: string
  /** How many are asked for; undefined = its target has never been seen. */
  readonly asked: number | undefined
  readonly memory: Memory | undefined
  readonly decision: KeptDecision | undefined
  /** Rounds in a row in which another number was counted than asked for. */
  readonly unfollowed: number
}

export const statePrefix = 'autoscaler/'

export function stateKey (namespace: string, name: string): string {
  return `${statePrefix}${namespace}/${name}`
}

export function stateText ({ uid, asked, memory, decision, unfollowed }: AutoscalerState): string {
  const events = (list: Memory['ups']): readonly number[] => list.flatMap(({ atMs, change }) => [atMs, change])
  return JSON.stringify({
    uid, asked, unfollowed, decision,
    ...(memory === undefined ? {} : {
      recommendations: memory.recommendations.flatMap(({ atMs, replicas }) => [atMs, replicas]), ups: events(memory.ups), downs: events(memory.downs)
    })
  })
}

/** The same without the times of recommendations: while it stays, the note may be a minute old. */
export function stateMark ({ uid, asked, memory, decision, unfollowed }: AutoscalerState): string {
  return JSON.stringify([
    uid, asked, decision?.sequence, decision?.isFollowed, Math.min(unfollowed, 4),
    memory?.recommendations.map(({ replicas }) => replicas), memory?.ups, memory?.downs
  ])
}

const count = Type.Integer({ minimum: 0 })
const numbers = Type.Array(Type.Integer(), { maxItems: 2_000 })
const check = checker(Type.Object({
  uid: Type.String(), asked: Type.Optional(count), unfollowed: count,
  decision: Type.Optional(Type.Object({
    sequence: count, atMs: Type.Number(), from: count, to: count, reason: Type.String(), metrics: Type.Array(Type.Object({})), isFollowed: Type.Boolean()
  })),
  recommendations: Type.Optional(numbers), ups: Type.Optional(numbers), downs: Type.Optional(numbers)
}))

interface Stored extends Pick<AutoscalerState, 'uid' | 'asked' | 'unfollowed' | 'decision'> {
  readonly recommendations?: readonly number[]
  readonly ups?: readonly number[]
  readonly downs?: readonly number[]
}

/** undefined = no node wrote it: the autoscaler begins anew. */
export function readState (text: string): AutoscalerState | undefined {
  const read = readJson(text, check)
  if ('refusal' in read) return undefined
  const { uid, asked, unfollowed, decision, recommendations, ups = [], downs = [] } = read.value as Stored // it has just been checked
  return {
    uid, asked, unfollowed, decision,
    memory: recommendations === undefined ? undefined : {
      recommendations: pairs(recommendations).map(([atMs, replicas]) => ({ atMs, replicas })),
      ups: pairs(ups).map(([atMs, change]) => ({ atMs, change })), downs: pairs(downs).map(([atMs, change]) => ({ atMs, change }))
    }
  }
}

function pairs (flat: readonly number[]): readonly (readonly [number, number])[] {
  const found: (readonly [number, number])[] = []
  for (let at = 0; at + 1 < flat.length; at += 2) found.push([flat[at] ?? 0, flat[at + 1] ?? 0])
  return found
}

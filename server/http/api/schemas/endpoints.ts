// Who serves a service.
import { Type } from 'typebox'
import { protocols } from '../../../model/instance/instance.ts'
import { Conditions, shared } from './instances.ts'
import { named } from './named.ts'

export const EndpointPort = named('EndpointPort', Type.Object({
  name: Type.String({ description: '"" for an unnamed port' }),
  port: Type.Integer({ minimum: 1, maximum: 65_535 }),
  protocol: Type.Enum([...protocols]),
  appProtocol: Type.Optional(Type.String({ description: "The declared service's word on what is spoken there" }))
}))
export const Endpoint = named('Endpoint', Type.Object({
  ...shared,
  service: Type.Optional(Type.String({ description: 'The service it registered under, where a declared service may select from several' })),
  ports: Type.Array(EndpointPort),
  suspect: Type.Boolean(),
  conditions: Conditions
}))
export const answerHead = {
  namespace: Type.String(),
  service: Type.String(),
  revision: Type.String({ description: "The cursor of the service's last change: pass it back as ?after=" }),
  failOpen: Type.Boolean({ description: 'Every instance that could serve is suspect, and they are answered all the same' }),
  declared: Type.Optional(Type.Literal(true, { description: 'Somebody declared the service' }))
}
export const endpointsAnswer = { ...answerHead, endpoints: Type.Array(Endpoint) }
export const EndpointsAnswer = named('EndpointsAnswer', Type.Object(endpointsAnswer))

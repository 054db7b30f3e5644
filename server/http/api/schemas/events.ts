// What changed lately.
import { Type } from 'typebox'
import { CursorText, named, page, Time } from './named.ts'

const reasons = ['registered', 'updated', 'replaced', 'deregistered', 'expired', 'suspect', 'renewed', 'override', 'override-removed', 'override-ended', 'recovered', 'declared', 'removed', 'noticed'] as const
export const Reason = Type.Enum([...reasons])
export const Event = named('Event', Type.Object({
  revision: CursorText, at: Time, reason: Reason, namespace: Type.String(), service: Type.String(), id: Type.String(),
  by: Type.String({ description: 'The address of the client, or the part of the registry that did it' }), message: Type.String()
}))

export const EventPage = page('EventPage', Event)

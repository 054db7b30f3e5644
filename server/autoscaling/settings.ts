// All settings of deciding how many instances there should be.
import { Type, type Static, type TObject } from 'typebox'
import { between, doc, room } from '../config/setting.ts'

const second = 1_000
const minute = 60_000

export const autoscalingRoom = room({
  title: 'autoscaling',
  settings: {
    autoscaleIntervalMs: Type.Integer({ minimum: 5 * second, maximum: 5 * minute, ...between('5s', '5m'), ...doc({
      name: 'autoscale-interval', kind: 'duration', default: '15s',
      what: 'How often the node that decides looks at the loads of all autoscalers\' targets. When it is gone, another one goes on after two of these at most. Nodes on one Redis should have the same.',
      why: 'What Kubernetes does: most loads are means of about as long, and heartbeats come every five seconds.',
      raise: 'A rising load is answered later, and the policies of a behavior, whose periods are often 15 s, are met in larger steps.',
      lower: 'Short peaks start instances; loads that are not heard more often are only read again.'
    }) })
  }
})

export type AutoscalingConfig = Static<TObject<typeof autoscalingRoom.settings>>

export interface AutoscalingValues {
  readonly intervalMs: number
}

export function readAutoscalingSettings ({ autoscaleIntervalMs }: AutoscalingConfig): AutoscalingValues {
  return { intervalMs: autoscaleIntervalMs }
}

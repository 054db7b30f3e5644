// The settings of the log.
import { Type, type Static, type TObject } from 'typebox'
import { doc, room } from '../config/setting.ts'

const levels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

export const logRoom = room({
  title: 'the log',
  settings: {
    logLevel: Type.Enum([...levels], { rule: `must be one of ${levels.join(', ')}`, ...doc({
      name: 'log-level', kind: 'level', default: 'info', reloaded: true,
      what: `How much is logged: ${levels.join(', ')}.`,
      why: 'Start, stop, store trouble and changes of protection are seen; single requests and heartbeats are not.',
      raise: '`debug` and `trace` log each request: at thousands of requests a second the log costs more than the answers.',
      lower: 'Below `info` the ready line is not written, and scripts that wait for it wait for ever.'
    }) })
  }
})

export type LogConfig = Static<TObject<typeof logRoom.settings>>

export interface LogValues {
  readonly level: (typeof levels)[number]
}

export function readLogSettings ({ logLevel }: LogConfig): LogValues {
  return { level: logLevel }
}

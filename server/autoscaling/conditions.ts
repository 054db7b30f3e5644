// The three conditions of an autoscaler. Each has its place from the first time that it is said; its time is that of the last change of status.
import type { Condition } from '../../client-sdk/src/manifests.ts'

export type ConditionType = 'AbleToScale' | 'ScalingActive' | 'ScalingLimited'

export class Conditions {
  readonly #list: Condition[]
  readonly #nowMs: number

  constructor (before: readonly Condition[], nowMs: number) {
    this.#list = [...before]
    this.#nowMs = nowMs
  }

  get list (): readonly Condition[] {
    return this.#list
  }

  set (type: ConditionType, isTrue: boolean, reason: string, message: string): void {
    const status = isTrue ? 'True' : 'False'
    const place = this.#list.findIndex((each) => each.type === type)
    const before = this.#list[place]
    const lastTransitionTime = before?.status === status && before.lastTransitionTime !== undefined
      ? before.lastTransitionTime
      : `${new Date(this.#nowMs).toISOString().slice(0, 19)}Z`
    const condition: Condition = { type, status, reason, message: cut(message), lastTransitionTime }
    if (place === -1) this.#list.push(condition)
    else this.#list[place] = condition
  }
}

/** Names in a message are bounded, their number is not. */
const maxMessage = 1_024

function cut (message: string): string {
  return message.length > maxMessage ? `${message.slice(0, maxMessage - 3)}...` : message
}

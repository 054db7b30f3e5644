// The name of a decision: whoever reads the status of an autoscaler can make it, on every node and after each restart.

/** @param to how many instances there should be @param atMs when it was decided: the status has it in whole seconds, and a round takes longer */
export function decisionId (uid: string, to: number, atMs: number): string {
  return `${uid}-${Math.floor(atMs / 1_000)}-${to}`
}

// Quantities as Kubernetes writes them: a decimal number and a suffix, like `100m`, `1.5Gi` or `2e3`.

const suffixes: Readonly<Record<string, number>> = {
  n: 1e-9, u: 1e-6, m: 1e-3, '': 1, k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15, E: 1e18,
  Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60
}
const maxLength = 64

/** In Kubernetes' words. */
export const quantityRule = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

/** The number that a quantity says; undefined = it is none. @example parseQuantity('250m') // 0.25 */
export function parseQuantity (text: string): number | undefined {
  if (text.length > maxLength) return undefined
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)$/.exec(text)
  if (match === null) return undefined
  const [, number = '', exponent, suffix = ''] = match
  const value = exponent === undefined ? Number(number) * (suffixes[suffix] ?? NaN) : Number(`${number}e${exponent}`)
  return Number.isFinite(value) ? value : undefined
}

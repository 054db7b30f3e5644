// Quantities as Kubernetes writes them: a decimal number and a suffix, like `500m`, `1.5`, `2Gi` or `3e2`. Its autoscaler calculates with
// whole thousandths of them.

/** Power of ten of each decimal suffix, power of two of each binary one (apimachinery, pkg/api/resource/suffix.go). */
const decimal: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }
const binary: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 }
const shape = /^([+-]?)(\d+\.?\d*|\.\d+)(?:([eE][+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)$/
/** Longer texts are no number that a person meant. */
const maxLength = 64
/** Powers beyond these are out of every range, in either direction. */
const maxPower = 40

/** Thousandths that can be counted without a loss; more is as much as this. */
export const maxMilli = Number.MAX_SAFE_INTEGER

/** In Kubernetes' words. */
export const quantityRule = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"

/** The number that a quantity says; undefined = it is none. @example parseQuantity('250m') // 0.25 */
export function parseQuantity (text: string): number | undefined {
  const found = text.length > maxLength ? null : shape.exec(text)
  if (found === null) return undefined
  const [, sign, digits = '', exponent, suffix = ''] = found
  const value = Number(`${digits}e${exponent === undefined ? decimal[suffix] ?? 0 : exponent.slice(1)}`) * 2 ** (binary[suffix] ?? 0)
  return Number.isFinite(value) ? signed(sign, value) : undefined
}

/** In whole thousandths, rounded up as Kubernetes does; undefined = it is no quantity. */
export function milliOf (text: string): number | undefined {
  const found = text.length > maxLength ? null : shape.exec(text)
  if (found === null) return undefined
  const [, sign, digits = '', exponent, suffix = ''] = found
  const [whole = '', fraction = ''] = digits.split('.')
  let numerator = BigInt(`${whole}${fraction}`)
  const power = (exponent === undefined ? decimal[suffix] ?? 0 : Number(exponent.slice(1))) - fraction.length + 3
  if (numerator === 0n) return 0
  if (Math.abs(power) > maxPower) return power > 0 ? signed(sign, maxMilli) : signed(sign, sign === '-' ? 0 : 1)
  numerator <<= BigInt(binary[suffix] ?? 0)
  let denominator = 1n
  if (power >= 0) numerator *= 10n ** BigInt(power)
  else denominator = 10n ** BigInt(-power)
  const rest = numerator % denominator !== 0n && sign !== '-' ? 1n : 0n // up, also below zero
  const milli = numerator / denominator + rest
  return signed(sign, milli > BigInt(maxMilli) ? maxMilli : Number(milli))
}

/** The shortest text of whole thousandths, as Kubernetes writes them: `250m`, `12`, `1500`, `2k`. */
export function milliText (milli: number): string {
  if (milli % 1_000 !== 0) return `${milli}m`
  let rest = milli / 1_000
  for (const suffix of ['', 'k', 'M', 'G', 'T', 'P']) {
    if (rest === 0 || rest % 1_000 !== 0 || suffix === 'P') return `${rest}${suffix}`
    rest /= 1_000
  }
  return String(rest)
}

function signed (sign: string | undefined, value: number): number {
  return sign === '-' && value !== 0 ? -value : value
}

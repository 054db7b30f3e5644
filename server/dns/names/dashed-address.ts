// Labels that are made of an address: `10-0-0-7`, IPv6 with "-" for ":", as CoreDNS makes them.
import { parseIp } from '../../model/address/ranges.ts'

/**
 * The label of an address below its service.
 * @example dashedAddress('fd00:10::') // 'fd00-10--0'
 */
export function dashedAddress (address: string): string {
  const dashed = address.replace(/[.:]/g, '-')
  // A host's name begins and ends with a letter or digit (RFC 1123 2.1): glibc takes no PTR of another form.
  return `${dashed.startsWith('-') ? '0' : ''}${dashed}${dashed.endsWith('-') ? '0' : ''}`
}

/** The canonical address that a label stands for, however it is written. @example undashed('fd00-10--7') // 'fd00:10::7' */
export function undashed (label: string): string | undefined {
  const address = parseIp(/^\d+(?:-\d+){3}$/.test(label) ? label.replaceAll('-', '.') : label.replaceAll('-', ':'))
  return 'problem' in address ? undefined : address.text
}

const madeOfDigits = /^[0-9a-f]*-[0-9a-f-]*$/

/** True if it is the label that an address has, so that no other endpoint may have this name. */
export function isDashedAddress (label: string): boolean {
  if (!madeOfDigits.test(label)) return false
  const address = undashed(label)
  return address !== undefined && dashedAddress(address) === label
}

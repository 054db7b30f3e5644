// All attacks, by their names.
import type { Attack } from './attack.ts'
import { bodies } from './bodies.ts'
import { consul } from './consul.ts'
import { dns } from './dns.ts'
import { eureka } from './eureka.ts'
import { kubernetes } from './kubernetes.ts'
import { manifests } from './manifests.ts'
import { planted } from './planted.ts'
import { rawHttp } from './raw-http.ts'
import { rows } from './rows.ts'
import { websockets } from './websockets.ts'

const all: readonly Attack[] = [
  ...rawHttp, ...bodies, ...websockets, ...manifests, ...dns, ...kubernetes, ...eureka, ...consul, ...planted, ...rows
]

/** Those whose names begin so, or all. @throws if there are none */
export function attacksNamed (only: string | undefined): readonly Attack[] {
  const found = all.filter(({ name }) => only === undefined || name.startsWith(only))
  if (found.length > 0) return found
  throw new RangeError(`--only must begin one of: ${all.map(({ name }) => name).join(', ')}`)
}

// Random front ends, the same for the same seed.
import type { Choice, FrontEnd, Target } from '../../server/proxy/front-end.ts'

/** Gives whole numbers from 0 to below `below` (mulberry32). */
export type Random = (below: number) => number

export function randomOf (seed: number): Random {
  let state = seed
  return (below) => {
    state = (state + 0x6D2B79F5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

export function randomFrontEnd (random: Random): FrontEnd {
  const family = random(2) === 0 ? 4 : 6
  const address = (kind: string): string => (family === 4 ? `10.${kind === 'own' ? 96 : 1}.0.${1 + random(9)}` : `fd00:${kind === 'own' ? '96' : '1'}::${1 + random(9)}`)
  const targets = (): Target[] => Array.from({ length: random(6) }, (_, index) => ({ address: address('target'), port: 8_000 + index, weight: 1 + random(4) }))
  const choice = (): Choice => ({ targets: targets(), whenNone: random(2) === 0 ? 'drop' : 'refuse', keepSource: random(2) === 0 })
  const outside = choice()
  return {
    family, address: address('own'), port: 80 + random(3), transport: random(2) === 0 ? 'tcp' : 'udp', service: 'shop/web', outside,
    kind: (['cluster-ip', 'node-port', 'load-balancer', 'external-ip'] as const)[random(4)] ?? 'cluster-ip', inside: random(2) === 0 ? outside : choice(),
    ...(random(3) === 0 ? { affinitySeconds: 10 + random(3) } : {}),
    ...(random(3) === 0 ? { sources: family === 4 ? ['10.0.0.0/8', '10.1.0.0/16', '192.0.2.0/24'].slice(random(3)) : ['fd00::/8'].slice(random(2)) } : {})
  }
}

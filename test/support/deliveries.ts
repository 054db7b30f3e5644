// What a watch of the core hands out, in short.
import type { Delivery, Watch } from '../../server/registry/core.ts'

/** Everything that a watch hands out now. */
export function drain (watch: Pick<Watch, 'next'>): Delivery[] {
  const deliveries: Delivery[] = []
  for (let next = watch.next(); next !== undefined; next = watch.next()) deliveries.push(next)
  return deliveries
}

/** A delivery in short: `put a registered`, `delete b expired`, `snapshot a,b`, `reset why`. */
export function short (delivery: Delivery): string {
  switch (delivery.type) {
    case 'snapshot': return `snapshot ${delivery.instances.map((instance) => instance.id).join(',')}`
    case 'change': return `${delivery.event} ${delivery.kind === 'instance' ? delivery.instance.id : `service ${delivery.service.metadata.name}`} ${delivery.change.reason}`
    case 'reset': return `reset ${delivery.reason}`
    case 'bookmark': return 'bookmark'
  }
}

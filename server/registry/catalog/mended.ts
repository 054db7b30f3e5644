// Catalogs that stay whole when one record makes them fail. The readers (stored-records.ts) refuse what is known to be wrong; what
// still throws while a record is entered into the indexes is a fault of this program, and has left them half done: the catalog is made
// anew without that record, which is set aside.
import type { Floors, InstanceRecord, ObjectRecord, RecordChange } from '../../store/store.ts'
import { Catalog } from './catalog.ts'

/** Called with each unexpected error. */
type Failed = (error: unknown) => void

const noFloors: Floors = { derived: 0, instances: 0 }

/** A catalog of all records that can be entered. Both are gone through again after a failure. */
function filledCatalog (instances: Iterable<InstanceRecord>, objects: Iterable<ObjectRecord>, failed: Failed): Catalog {
  const steps = fillingCatalog(instances, objects, failed)
  for (let step = steps.next(); ; step = steps.next()) if (step.done === true) return step.value
}

/**
 * The same in steps, between which others may go on.
 * @param floors what is shown at which revision at least
 * @param before the catalog that is replaced
 */
export function * fillingCatalog (
  instances: Iterable<InstanceRecord>, objects: Iterable<ObjectRecord>, failed: Failed, floors: Floors = noFloors, before?: Catalog
): Generator<void, Catalog> {
  const broken = new Map<string, string>()
  const note = (id: string, error: unknown): void => {
    failed(error)
    broken.set(id, reasonOf(error))
  }
  for (;;) {
    const known = broken.size
    const catalog = new Catalog(before)
    catalog.raise(floors.derived)
    for (const object of objects) {
      const reason = known === 0 ? undefined : broken.get(`object ${object.key}`)
      if (reason !== undefined) catalog.aside.addObject(object, reason)
      else {
        try {
          catalog.fillObject(object)
        } catch (error) {
          note(`object ${object.key}`, error)
        }
      }
      yield
    }
    for (const record of instances) {
      const reason = known === 0 ? undefined : broken.get(`lease ${record.lease}`)
      if (reason !== undefined) catalog.aside.addInstance(record, reason)
      else {
        try {
          catalog.fillInstance(record, floors.instances, before)
        } catch (error) {
          note(`lease ${record.lease}`, error)
        }
      }
      yield
    }
    if (broken.size === known) return catalog
  }
}

/** What a catalog held before a change that it failed on. The record of the change is set aside. */
export function mendedCatalog (catalog: Catalog, change: RecordChange, error: unknown, failed: Failed): Catalog {
  const key = change.type === 'put' ? change.record.key : change.type === 'put-object' ? change.object.key : change.key
  const isObject = change.type === 'put-object' || change.type === 'delete-object'
  const isDropped = change.type !== 'suspect' && change.type !== 'trusted'
  const instances = [...catalog.heldInstances()].filter((record) => !isDropped || isObject || record.key !== key)
  const objects = [...catalog.heldObjects()].filter((object) => !isDropped || !isObject || object.key !== key)
  const mended = filledCatalog(instances, objects, failed)
  mended.raise(catalog.floor)
  mended.aside.takeOver(catalog.aside)
  if (change.type === 'put') mended.aside.addInstance(change.record, reasonOf(error))
  if (change.type === 'put-object') mended.aside.addObject(change.object, reasonOf(error))
  return mended
}

function reasonOf (error: unknown): string {
  return `this version fails on it: ${error instanceof Error ? error.message : String(error)}`
}

// The cross table: registered in each way, found in each way, after everything that can happen to an instance. Equal sets and weights.
import t from 'tap'
import { pathOf } from '../support/world.ts'
import { type CrossWorld, type Registrar, type Subject, crossWorld, discoverers, namespace, registrars } from './cross-table.ts'

/** So that the subject that goes is one of several, and no mass loss. */
const witnesses = 3
const ttlSecs = 10

interface Stage {
  readonly name: string
  readonly act: (cross: CrossWorld, registrar: Registrar, subject: Subject) => Promise<unknown>
  /** Whether callers are sent to the subject afterwards. */
  readonly isCallable: boolean
  readonly isSuspect?: boolean
  readonly weight?: number
}

const path = ({ service, id }: Subject): string => pathOf(`${namespace}/${service}/${id}`)
const patch = (body: object) => ({ world }: CrossWorld, _registrar: Registrar, subject: Subject): Promise<unknown> => ok(world.send('PATCH', path(subject), body))
const override = (body: object) => ({ world }: CrossWorld, _registrar: Registrar, subject: Subject): Promise<unknown> => ok(world.send('PUT', `${path(subject)}/override`, body))
const register: Stage['act'] = (cross, registrar, subject) => registrar.register(cross, subject)

async function ok (answer: Promise<{ readonly statusCode: number, readonly body: string }>): Promise<void> {
  const { statusCode, body } = await answer
  if (statusCode >= 300) throw new Error(`${statusCode} ${body}`)
}

/** Advances the clock; the witnesses' leases are long. */
const wait = (seconds: number): Stage['act'] => async ({ world }) => await world.pass(1_000 * seconds)

const stages: readonly Stage[] = [
  { name: 'it registered', act: register, isCallable: true },
  { name: 'it warns', act: patch({ status: 'warning' }), isCallable: true },
  { name: 'it drains', act: patch({ status: 'draining' }), isCallable: false },
  { name: 'it is up again', act: patch({ status: 'up' }), isCallable: true },
  { name: 'maintenance by an operator', act: override({ status: 'draining' }), isCallable: false },
  { name: 'an outage by an operator', act: override({ status: 'down' }), isCallable: false },
  { name: 'it registers again under the outage', act: register, isCallable: false },
  { name: 'a weight by an operator', act: override({ weight: 7 }), isCallable: true, weight: 7 },
  { name: 'the end of the override', act: ({ world }, _registrar, subject) => ok(world.send('DELETE', `${path(subject)}/override`)), isCallable: true },
  { name: 'silence: it is suspect', act: wait(ttlSecs + 2), isCallable: false, isSuspect: true },
  { name: 'it comes back', act: register, isCallable: true },
  { name: 'silence until it is gone', act: wait(ttlSecs + 20), isCallable: false },
  { name: 'it comes back as a new one', act: register, isCallable: true },
  { name: 'it deregistered', act: ({ world }, _registrar, subject) => ok(world.send('DELETE', path(subject))), isCallable: false }
]

/** What was made by hand has neither lease nor status. */
const handMadeStages: readonly Stage[] = [
  { name: 'it is made', act: register, isCallable: true },
  {
    name: 'it is taken back',
    act: ({ world }, _registrar, { service }) => ok(world.send('DELETE', `/v1/namespaces/${namespace}/services/${service}`)),
    isCallable: false
  }
]

for (const [row, registrar] of registrars.entries()) {
  t.test(`registered by ${registrar.name}, found alike by all`, async (t) => {
    const cross = await crossWorld(t)
    const subject = { service: `row-${row}`, id: 'subject', address: '10.0.0.7', port: 8080, ttlSecs }
    const others = registrar.isHandMade === true ? [] : Array.from({ length: witnesses }, (_, index) => `10.0.1.${index + 1}`)
    for (const [index, address] of others.entries()) {
      await ok(cross.world.send('PUT', path({ ...subject, id: `witness-${index}` }), { address, ports: [{ name: 'http', port: 9000 }], lease: { ttlMs: 3_600_000 } }))
    }
    let cells = 0
    for (const stage of registrar.isHandMade === true ? handMadeStages : stages) {
      await stage.act(cross, registrar, subject)
      for (const { name, find, hasWeights, showsSuspects = false } of discoverers) {
        if (registrar.isHandMade === true && name === 'http_sd') continue // it lists what is registered
        const weighted = (place: string, weight: number): string => (hasWeights ? `${place}*${weight}` : place)
        const isThere = stage.isCallable || (showsSuspects && stage.isSuspect === true && registrar.staysDown !== true)
        const expected = [...others.map((address) => weighted(`${address}:9000`, 100)), ...isThere ? [weighted('10.0.0.7:8080', stage.weight ?? 100)] : []]
        t.strictSame((await find(cross, subject.service)).sort(), expected.sort(), `${stage.name}: ${name}`)
        cells += 1
      }
    }
    t.comment(`${cells} cells`)
  })
}

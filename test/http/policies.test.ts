// Policies by their own paths: written, read in both forms, taken back; the last admin cannot be locked out through them.
import t from 'tap'
import { bearer, build, tokenOf } from '../support/world.ts'

const path = '/v1/policies/team'
const policy = { apiVersion: 'rollcall.dev/v1', kind: 'Policy', metadata: { name: 'team' }, spec: { subjects: ['token:x'], rules: [{ role: 'reader', namespaces: ['shop'] }] } }

t.test('a policy is written, read as JSON and YAML with a tag, changed, and taken back', async (t) => {
  const { send } = await build(t)
  t.match((await send('GET', path)).json(), { status: 404, code: 'REG_MANIFEST_NOT_FOUND' })
  t.match((await send('PUT', `${path}?dryRun=true`, policy)).json(), { outcome: 'created', kind: 'Policy', name: 'team' })
  t.equal((await send('GET', path)).statusCode, 404, 'a dry run does nothing')
  const made = await send('PUT', path, policy)
  t.equal(made.statusCode, 201)
  const again = await send('PUT', path, policy)
  t.match([again.statusCode, again.json()], [200, { outcome: 'unchanged' }])
  const read = await send('GET', path)
  t.match(read.json(), { kind: 'Policy', metadata: { name: 'team' }, spec: policy.spec })
  t.equal((await send('GET', path, undefined, { 'if-none-match': String(read.headers.etag) })).statusCode, 304)
  const yaml = await send('GET', path, undefined, { accept: 'application/yaml' })
  t.match(yaml.headers['content-type'], /yaml/)
  t.match(yaml.body, /kind: Policy/)
  t.match((await send('PUT', path, { ...policy, spec: { ...policy.spec, subjects: ['token:y'] } })).json(), { outcome: 'configured' })
  t.match((await send('DELETE', `${path}?dryRun=true`)).json(), { dryRun: true, deleted: [{ kind: 'Policy', namespace: '', name: 'team' }] })
  t.equal((await send('DELETE', path)).statusCode, 200)
  t.equal((await send('DELETE', path)).statusCode, 404)
})

t.test('what is no policy of that name is refused with field, value and rule', async (t) => {
  const { send } = await build(t)
  t.match((await send('PUT', path, { ...policy, metadata: { name: 'other' } })).json(), { errors: [{ field: 'metadata.name', value: 'other' }] })
  t.match((await send('PUT', path, { ...policy, kind: 'Service', apiVersion: 'v1' })).json(), { errors: [{ field: 'kind', value: 'Service' }] })
  t.match((await send('PUT', path, { ...policy, spec: { subjects: ['somebody'], rules: [] } })).json(), { errors: [{ field: 'spec.subjects[0]', value: 'somebody' }, { field: 'spec.rules' }] })
  t.match((await send('PUT', path)).json(), { code: 'REG_INVALID', errors: [{ field: 'body' }] })
  t.match((await send('GET', '/v1/policies/UPPER')).json(), { code: 'REG_INVALID', errors: [{ field: 'policy', value: 'UPPER' }] })
})

t.test('one that would leave nobody who may administer is refused, by PUT and by DELETE', async (t) => {
  const world = await build(t, { control: { mode: 'on' } })
  const token = await tokenOf(world, 'root', [{ role: 'admin' }])
  const { send } = world
  const chief = { ...policy, metadata: { name: 'chiefs' }, spec: { subjects: ['token:chief'], rules: [{ role: 'admin' }] } }
  const chiefs = await tokenOf(world, 'chief', [])
  t.equal((await send('PUT', '/v1/policies/chiefs', chief, bearer(token))).statusCode, 201)
  t.equal((await send('DELETE', '/v1/tokens/root', undefined, bearer(token))).statusCode, 200)
  t.equal((await send('DELETE', '/v1/policies/chiefs', undefined, bearer(chiefs))).statusCode, 409)
  t.equal((await send('PUT', '/v1/policies/chiefs', { ...chief, spec: { ...chief.spec, subjects: ['token:none'] } }, bearer(chiefs))).statusCode, 409)
  t.equal((await send('GET', '/v1/policies/chiefs', undefined, bearer(chiefs))).statusCode, 200)
})

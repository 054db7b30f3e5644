import t from 'tap'
import { deleteOptions } from '../../../server/model/fields/meta-fields.ts'
import { checkPreconditions, readDeleteOptions } from '../../../server/kubernetes/write/delete-options.ts'
import { managerOf, readOptions } from '../../../server/kubernetes/write/options.ts'
import { refused } from './refused.ts'

const options = (query: string, kind: Parameters<typeof readOptions>[1] = 'PatchOptions', isApply = false): ReturnType<typeof readOptions> => readOptions(new URLSearchParams(query), kind, isApply)

t.test('the query of a write is read as Kubernetes does', async (t) => {
  t.same(options(''), { dryRun: false, fieldManager: '', fieldValidation: 'Warn', force: false })
  t.same(options('dryRun=All&fieldManager=me&fieldValidation=Strict&force=true', 'PatchOptions', true), { dryRun: true, fieldManager: 'me', fieldValidation: 'Strict', force: true })
  t.equal(managerOf(options('fieldManager=me'), 'kubectl/v1.33'), 'me')
  t.equal(managerOf(options(''), 'kubectl/v1.33 (linux)'), 'kubectl')
  t.equal(managerOf(options(''), `bad\u0007name${'x'.repeat(200)}/1`), `badname${'x'.repeat(121)}`)
})

t.test('options that are wrong are refused, each by name', async (t) => {
  const table: readonly [string, Parameters<typeof readOptions>[1], boolean, string][] = [
    ['', 'PatchOptions', true, '422 Invalid: PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch'],
    ['force=true', 'PatchOptions', false, '422 Invalid: PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch'],
    ['dryRun=Some', 'CreateOptions', false, '422 Invalid: CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"'],
    ['fieldValidation=strict', 'UpdateOptions', false, '422 Invalid: UpdateOptions.meta.k8s.io "" is invalid: fieldValidation: Unsupported value: "strict": supported values: "", "Ignore", "Strict", "Warn"'],
    [`fieldManager=${'x'.repeat(129)}`, 'CreateOptions', false, '422 Invalid: CreateOptions.meta.k8s.io "" is invalid: fieldManager: Too long: may not be more than 128 bytes'],
    ['fieldManager=a%00b&dryRun=x', 'CreateOptions', false, '422 Invalid: CreateOptions.meta.k8s.io "" is invalid: [fieldManager: Invalid value: "a\\u0000b": invalid character U+0000 (at position 1), dryRun: Unsupported value: ["x"]: supported values: "All"]'],
    ['fieldManager=a&force=maybe', 'PatchOptions', true, '400 BadRequest: strconv.ParseBool: parsing "maybe": invalid syntax (force)']
  ]
  for (const [query, kind, isApply, expected] of table) t.equal(refused(() => options(query, kind, isApply)), expected)
})

t.test('what must hold of an object that is deleted is read from body or query', async (t) => {
  const read = (body: unknown, query = ''): ReturnType<typeof readDeleteOptions> => readDeleteOptions(body === undefined ? '' : JSON.stringify(body), new URLSearchParams(query))
  const none = { dryRun: false, uid: undefined, resourceVersion: undefined, propagationPolicy: undefined }
  t.same(read(undefined), none)
  t.same(read({ kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background' }), { ...none, propagationPolicy: 'Background' })
  t.same(read(undefined, 'propagationPolicy=Orphan&dryRun=All'), { ...none, propagationPolicy: 'Orphan', dryRun: true })
  t.same(read({ preconditions: { uid: 'u', resourceVersion: '7' }, dryRun: ['All'], gracePeriodSeconds: 0 }), { ...none, uid: 'u', resourceVersion: '7', dryRun: true })
  t.ok(deleteOptions.fields.has('preconditions'))
  const table: readonly [unknown, string][] = [
    [{ propagationPolicy: 'Later' }, '422 Invalid: DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Later": supported values: "Foreground", "Background", "Orphan", "nil"'],
    [{ propagationPolicy: 'Orphan', orphanDependents: true }, '422 Invalid: DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set'],
    [{ kind: 'Service' }, '400 BadRequest: decoded object cannot be converted to DeleteOptions'],
    [{ preconditions: 'x' }, '400 BadRequest: json: cannot unmarshal string into Go struct field DeleteOptions.preconditions of type v1.Preconditions'],
    [{ dryRun: ['None'] }, '422 Invalid: DeleteOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["None"]: supported values: "All"']
  ]
  for (const [body, expected] of table) t.equal(refused(() => read(body)), expected)
  const services = { group: '', resource: 'services' }
  const check = (preconditions: object): string => refused(() => checkPreconditions(read({ preconditions }), { metadata: { uid: 'u', resourceVersion: '7' } }, services, 'web'))
  t.equal(check({ uid: 'u', resourceVersion: '7' }), 'not refused')
  t.equal(check({ uid: 'v' }), '409 Conflict: Operation cannot be fulfilled on services "web": Precondition failed: UID in precondition: v, UID in object meta: u')
  t.equal(check({ resourceVersion: '6' }), '409 Conflict: Operation cannot be fulfilled on services "web": Precondition failed: ResourceVersion in precondition: 6, ResourceVersion in object meta: 7')
})

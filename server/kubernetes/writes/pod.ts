// What can be changed of a pod, which is an instance: its labels. All else its own process says.
import { isDeepStrictEqual } from 'node:util'
import { type Instance, serviceLabel } from '../../../client-sdk/src/wire.ts'
import { anything, struct } from '../../model/fields/field-type.ts'
import { typeMeta } from '../../model/fields/service-fields.ts'
import { isMembers, type Members } from '../../model/fields/values.ts'
import { fieldErrors } from '../../model/service/causes.ts'
import { labelFaults } from '../../model/service/metadata.ts'
import { causeOf } from '../answers/faults.ts'
import { conflict, invalidObject, methodNotAllowed, unsupportedMediaType } from '../answers/status.ts'
import type { Answer, Asked, KubernetesContext } from '../context.ts'
import { entryOf, shown } from '../read/get.ts'
import { mediaOf, textOf } from '../write/bodies.ts'
import { readOptions } from '../write/options.ts'
import { jsonPatchMedia, mergePatchMedia, patchedObject, patchFault, strategicMedia } from '../write/patched.ts'
import { fault, invalid, modifiedMeanwhile } from '../write/refusal.ts'
import { readPatch } from '../write/strict-json.ts'
import { judged } from '../write/write.ts'

const patches = [jsonPatchMedia, mergePatchMedia, strategicMedia]

/** As far as a patch is concerned: what is within `spec` and `status` is not changed here. */
const podFields = struct('io.k8s.api.core.v1.Pod', 'An instance.', {
  ...typeMeta, spec: [2, anything, 'What it is.'], status: [3, anything, 'How it is.']
})

export async function patchPod (context: KubernetesContext, asked: Asked): Promise<Answer> {
  const { access, kind, query, body, request } = asked
  const media = mediaOf(request.headers['content-type'])
  if (!patches.includes(media)) throw unsupportedMediaType(patches)
  const options = readOptions(query, 'PatchOptions')
  const read = readPatch(textOf(body))
  const entry = await entryOf(context, asked)
  const live = entry.object()
  const { object, faults } = patchedObject(live, media, read, podFields, options.fieldManager)
  const warnings = judged(options, [...read.faults, ...faults], (why) => patchFault(media, read.value, object, why))
  const [before, after] = [metaOf(live), metaOf(object)]
  if (after.resourceVersion !== before.resourceVersion) throw conflict(kind, entry.name, modifiedMeanwhile)
  if (!isDeepStrictEqual(besidesLabels(object), besidesLabels(live))) {
    throw methodNotAllowed(kind, 'patch', kind.derivedFrom)
  }
  const labels = changedLabels(labelsOf(before), labelsOf(after))
  if (Object.hasOwn(labels, serviceLabel)) {
    const text = `Forbidden: ${serviceLabel} says under which service the instance registered`
    throw invalid('Pod', '', entry.name, [fault('Forbidden', `metadata.labels[${serviceLabel}]`, text)])
  }
  const wrong = fieldErrors(labelFaults('metadata.labels', labelsOf(after)))
  if (wrong.length > 0) throw invalidObject(kind, entry.name, wrong.map(causeOf))
  const answer = (pod: typeof live): Answer =>
    ({ code: 200, warnings, body: shown(asked, pod, context.parts.clock.now()) })
  if (options.dryRun || Object.keys(labels).length === 0) {
    return answer({ ...live, metadata: { ...live.metadata, labels: labelsOf(after) } })
  }
  const { namespace, service, id, generation } = entry.mark as Instance // what a pod is made of
  await access.patch({ namespace, service, id }, { labels }, generation)
  return answer((await entryOf(context, asked)).object())
}

type Texts = Readonly<Record<string, string>>

/** As a merge patch: null removes. */
function changedLabels (before: Texts, after: Texts): Record<string, string | null> {
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  const changed = [...names].filter((name) => before[name] !== after[name])
  return Object.fromEntries(changed.map((name) => [name, after[name] ?? null]))
}

function besidesLabels (object: Members): unknown {
  // The form that travels: a field that is undefined is none.
  return JSON.parse(JSON.stringify({ ...object, metadata: { ...metaOf(object), labels: undefined } }))
}

function labelsOf ({ labels }: Members): Texts {
  return isMembers(labels) ? labels as Texts : {} // their type has been checked
}

function metaOf ({ metadata }: Members): Members {
  return isMembers(metadata) ? metadata : {}
}

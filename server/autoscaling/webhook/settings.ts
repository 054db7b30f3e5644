// The settings of the webhooks that tell others how many instances workloads should have.
import { Type, type Static, type TObject } from 'typebox'
import type { FieldError } from '../../../client-sdk/src/wire.ts'
import { doc, type Origins, room } from '../../config/setting.ts'
import { invalid } from '../../errors.ts'
import { isLabel } from '../../model/names.ts'

/** One that no setting and no annotation names. */
export const defaultWebhook = 'default'
/** As the value of an annotation: nothing is posted for this autoscaler. */
export const noWebhook = 'off'
/** Each is one program somewhere that starts instances. */
const maxWebhooks = 32
const maxTextLength = 2_048
const urlRule = 'must be [NAME=]URL, with http or https and without user, password and fragment, like ' +
  'https://scaler.example/scale or staging=https://scaler.example/scale'

export const webhookRoom = room({
  title: 'webhooks of autoscaling',
  settings: {
    autoscaleWebhooks: Type.Array(Type.String({ maxLength: maxTextLength }), { maxItems: maxWebhooks, ...doc({
      name: 'autoscale-webhook', kind: 'webhook', multiple: true,
      what: 'Where decisions of autoscalers are posted, signed, as `URL` or `NAME=URL`. The one without a name gets ' +
        'those of every autoscaler that names no other in its annotation `rollcall.dev/autoscale-webhook`. A comma ' +
        'in a URL is written %2C.',
      why: 'Unset: nothing is posted. A manifest can only choose among these names, so that who may declare an ' +
        'autoscaler cannot have this node call any address. All nodes of a registry need the same ones: any of them ' +
        'may be the one that decides.'
    }) }),
    autoscaleWebhookSecretFiles: Type.Array(Type.String({ minLength: 1, maxLength: maxTextLength }), {
      maxItems: maxWebhooks, ...doc({
        name: 'autoscale-webhook-secret-file', kind: 'webhookSecret', multiple: true,
        what: 'The file with the secret that signs what is posted, as `FILE` or `NAME=FILE`; the one without a name ' +
          'is for all webhooks that have none of their own. A line `whsec_` and 24-64 octets in base64 is a secret, ' +
          'and several lines are several signatures. Read for each post, so that it may be replaced; its owner ' +
          'alone may read it.',
        why: 'Each webhook needs one: an unsigned call that starts and stops programs could be anybody\'s.'
      })
    })
  }
})

export type WebhookConfig = Static<TObject<typeof webhookRoom.settings>>

/** Where decisions go, by settings. */
export interface WebhookValues {
  readonly name: string
  readonly url: string
  readonly secretFile: string
}

/** @throws RegistryError REG_INVALID for a URL that is none, a name that is given twice, a webhook without a secret */
export function readWebhookSettings (
  { autoscaleWebhooks, autoscaleWebhookSecretFiles }: WebhookConfig, { field }: Origins
): readonly WebhookValues[] {
  const faults: FieldError[] = []
  const urls = named(autoscaleWebhooks, field('autoscale-webhook'), faults)
  const files = named(autoscaleWebhookSecretFiles, field('autoscale-webhook-secret-file'), faults)
  for (const [name, text] of urls) {
    // Not its text: a query may hold a secret.
    if (!isWebhookUrl(text)) faults.push({ field: field('autoscale-webhook'), rule: urlRule })
    else if (!files.has(name) && !files.has(defaultWebhook)) {
      faults.push({
        field: field('autoscale-webhook'), value: name,
        rule: `needs a secret: ${field('autoscale-webhook-secret-file')} for it, or for all`
      })
    }
  }
  for (const name of files.keys()) {
    if (urls.has(name) || (name === defaultWebhook && urls.size > 0)) continue
    const rule = 'must be of a webhook: autoscale-webhook has none of this name'
    faults.push({ field: field('autoscale-webhook-secret-file'), value: name, rule })
  }
  if (faults.length > 0) throw invalid(faults)
  const forAll = files.get(defaultWebhook) ?? ''
  return Array.from(urls, ([name, url]) => ({ name, url, secretFile: files.get(name) ?? forAll }))
}

/** By name; one without is `default`. */
function named (texts: readonly string[], field: string, faults: FieldError[]): ReadonlyMap<string, string> {
  const byName = new Map<string, string>()
  for (const text of texts) {
    const [, given, rest] = /^([^=:/?#]*)=(.*)$/s.exec(text) ?? []
    const name = given ?? defaultWebhook
    if (!isLabel(name)) faults.push({ field, rule: 'must have a name of a-z, 0-9 and "-" before the "=", at most 63' })
    else if (name === noWebhook) faults.push({ field, value: name, rule: 'must have another name: an autoscaler says "off" to have none' })
    else if (byName.has(name)) faults.push({ field, value: name, rule: 'must give each name once' })
    else byName.set(name, rest ?? text)
  }
  return byName
}

function isWebhookUrl (text: string): boolean {
  if (!/^https?:\/\/[^\s\\#]+$/.test(text) || !URL.canParse(text)) return false
  const { username, password } = new URL(text)
  return username === '' && password === ''
}

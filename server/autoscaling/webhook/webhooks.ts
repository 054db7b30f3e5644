// The webhooks of a node, with their secrets, and which of them an autoscaler gets.
import { readFileSync, statSync } from 'node:fs'
import { invalid, RegistryError } from '../../errors.ts'
import { defaultWebhook, noWebhook, type WebhookValues } from './settings.ts'
import { readSecrets, secretRule } from './signature.ts'
import type { Webhook } from './webhook-sender.ts'

/** The annotation with which an autoscaler chooses among the names of the settings. */
export const webhookAnnotation = 'rollcall.dev/autoscale-webhook'

const maxSecretFileBytes = 4_096

export class Webhooks {
  readonly #byName: ReadonlyMap<string, Webhook>

  /** @throws RegistryError REG_INVALID naming the file that holds no secret, or that others may read */
  constructor (values: readonly WebhookValues[], warn: (message: string) => void) {
    this.#byName = new Map(values.map(({ name, url, secretFile }) => {
      let secrets = readSecretFile(secretFile)
      return [name, {
        name, url,
        secrets: () => {
          try {
            secrets = readSecretFile(secretFile)
          } catch (error) {
            warn(`the secret of the webhook ${name} could not be read again, the last one is used: ` +
              (error instanceof Error ? error.message : String(error)))
          }
          return secrets
        }
      }]
    }))
  }

  get names (): readonly string[] {
    return [...this.#byName.keys()]
  }

  /**
   * The webhook that an autoscaler gets.
   * @param chosen its annotation
   * @returns undefined if it gets none; a text that says why if it names one that there is not
   */
  choose (chosen: string | undefined): Webhook | string | undefined {
    if (chosen === noWebhook) return undefined
    if (chosen === undefined) return this.#byName.get(defaultWebhook)
    const known = this.names.length === 0 ? 'none' : this.names.join(', ')
    return this.#byName.get(chosen) ?? `there is no webhook of this name (known: ${known}): nothing is posted`
  }
}

/** @throws RegistryError REG_INVALID */
function readSecretFile (path: string): readonly Buffer[] {
  const field = 'autoscale-webhook-secret-file'
  const refuse = (rule: string): RegistryError => invalid([{ field, value: path, rule }])
  let text: string
  try {
    const { mode, size } = statSync(path)
    const open = mode & 0o077
    if (open !== 0) {
      const shown = (mode & 0o777).toString(8)
      throw refuse(`must be readable by its owner alone: its mode is ${shown}, make it 600 (chmod 600)`)
    }
    if (size > maxSecretFileBytes) throw refuse(secretRule)
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof RegistryError) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'it cannot'
    throw refuse(`must name a file that can be read (${code})`)
  }
  const secrets = readSecrets(text)
  if (secrets === undefined) throw refuse(secretRule)
  return secrets
}

// The settings of all rooms, composed: one schema, which flags, ROLLCALL_* variables and the file are read by (config.ts), and which
// the help, `--print-config` and docs/reference/configuration.md are made from (text.ts); and the values that all rooms read from it.
// A setting itself stands in its room.
import { Type, type Static, type TSchema } from 'typebox'
import { accessRoom, readAccessSettings, type AccessValues } from '../access/settings.ts'
import { readWebhookSettings, webhookRoom, type WebhookValues } from '../autoscaling/webhook/settings.ts'
import { autoscalingRoom, type AutoscalingValues, readAutoscalingSettings } from '../autoscaling/settings.ts'
import { consulRoom, readConsulSettings, type ConsulValues } from '../consul/settings.ts'
import { invalid } from '../errors.ts'
import { dnsRoom, readDnsSettings, type DnsValues } from '../dns/settings.ts'
import { eurekaRoom, readEurekaSettings, type EurekaValues } from '../eureka/settings.ts'
import { httpRoom, readHttpSettings, type HttpValues } from '../http/settings.ts'
import { kubernetesRoom, readKubernetesSettings, type KubernetesValues } from '../kubernetes/settings.ts'
import { logRoom, readLogSettings, type LogValues } from '../log/settings.ts'
import type { AddressRange } from '../model/address/ranges.ts'
import { readRegistrySettings, registryRoom, type RegistryValues } from '../registry/settings.ts'
import { readStoreSettings, storeRoom, type StoreValues } from '../store/settings.ts'
import { processRoom, readProcessSettings, type ProcessValues } from './process-settings.ts'
import { readAll, type Origins, type Room, type SettingDoc } from './setting.ts'

/** All settings. The keys are those of `Config`; `setting.name` is what people write. */
export const settingsSchema = Type.Object({
  ...httpRoom.settings, ...accessRoom.settings, ...eurekaRoom.settings, ...consulRoom.settings, ...dnsRoom.settings, ...kubernetesRoom.settings,
  ...autoscalingRoom.settings, ...webhookRoom.settings,
  ...storeRoom.settings, ...registryRoom.settings, ...logRoom.settings, ...processRoom.settings
}, { additionalProperties: false })

/** The effective settings, in units that code counts in. */
export type Config = Static<typeof settingsSchema>

/** What the rooms are started with: read once, and nothing is wrong between them. */
export interface NodeValues {
  readonly http: HttpValues
  readonly access: AccessValues
  /** undefined = this node does not speak Eureka. */
  readonly eureka: EurekaValues | undefined
  /** undefined = this node answers no DNS. */
  readonly dns: DnsValues | undefined
  /** undefined = this node does not speak Consul's API. */
  readonly consul: ConsulValues | undefined
  /** undefined = nobody asks in the words of Kubernetes. */
  readonly kubernetes: KubernetesValues | undefined
  /** Where decisions of autoscalers are posted. */
  readonly webhooks: readonly WebhookValues[]
  readonly autoscaling: AutoscalingValues
  readonly store: StoreValues
  readonly registry: RegistryValues
  readonly log: LogValues
  readonly process: ProcessValues
}

/**
 * Reads the values of all rooms from settings that are each as they should be.
 * @throws RegistryError REG_INVALID with everything that is wrong between them
 */
export function readRooms (config: Config, origins: Origins): NodeValues {
  let serviceNetworks: readonly AddressRange[] = [] // if they are none, that is the fault of their own setting
  return readAll<NodeValues>({
    registry: () => {
      const values = readRegistrySettings(config, origins)
      serviceNetworks = values.allocation.serviceCidrs
      return values
    },
    dns: () => readDnsSettings(config, origins, serviceNetworks),
    http: () => readHttpSettings(config, origins),
    kubernetes: () => readKubernetesSettings(config, origins),
    access: () => readAccessSettings(config, origins),
    eureka: () => readEurekaSettings(config, origins),
    consul: () => readConsulSettings(config, origins),
    webhooks: () => readWebhookSettings(config, origins),
    autoscaling: () => readAutoscalingSettings(config),
    store: () => readStoreSettings(config, origins),
    log: () => readLogSettings(config),
    process: () => {
      if (config.proxy && config.http === undefined) throw invalid([{ field: origins.field('proxy'), rule: 'needs http: its agent asks this node without TLS, so that http must be at a loopback address' }])
      return readProcessSettings(config)
    }
  })
}

export interface Setting extends SettingDoc {
  readonly key: keyof Config
  readonly schema: TSchema
  /** `ROLLCALL_LOG_LEVEL` */
  readonly variable: string
  /** Of its room. */
  readonly title: string
}

/** In the order of the help and the documentation. */
export const rooms: readonly Room[] = [
  httpRoom, accessRoom, eurekaRoom, consulRoom, dnsRoom, kubernetesRoom, autoscalingRoom, webhookRoom, storeRoom,
  registryRoom, logRoom, processRoom
]

/** Every setting, room after room. */
export const settings: readonly Setting[] = rooms.flatMap((room) => Object.entries(room.settings).map(([key, schema]) => {
  const { setting } = schema as unknown as { setting: SettingDoc } // each has the annotation `doc`
  return { ...setting, key: key as keyof Config, schema, variable: setting.variable ?? variableName(setting.name), title: room.title }
}))

/** `log-level` -> `ROLLCALL_LOG_LEVEL` */
export function variableName (name: string): string {
  return `ROLLCALL_${name.toUpperCase().replaceAll('-', '_')}`
}

// A HorizontalPodAutoscaler, from its checked shape to what is kept of it, with Kubernetes' defaults.
import { Type } from 'typebox'
import { anything, blank, compact, fields, list, type Loose, type LooseObject, metaOf, several, text, textMap, typeMeta, whole } from '../manifest/shapes.ts'
import type {
  HorizontalPodAutoscaler, HorizontalPodAutoscalerSpec, MetricIdentifier, MetricSpec, MetricTarget, ScaleTargetReference, ScalingPolicy, ScalingRules
} from '../service/types.ts'

/** As a manifest may have it: YAML reads `500` as a number. */
const quantity = Type.Union([Type.String(), Type.Number()], { rule: 'must be a quantity, like 100m or 500' })
const target = fields({ type: text, value: quantity, averageValue: quantity, averageUtilization: whole })
const selector = fields({ matchLabels: textMap, matchExpressions: list(fields({ key: text, operator: text, values: list(text) })) })
const metric = fields({ name: text, selector })
const reference = fields({ apiVersion: text, kind: text, name: text })
const rules = fields({
  stabilizationWindowSeconds: whole, selectPolicy: text, tolerance: quantity,
  policies: list(fields({ type: text, value: whole, periodSeconds: whole }))
})

export const autoscalerShape = fields({
  ...typeMeta,
  spec: fields({
    scaleTargetRef: reference,
    minReplicas: whole,
    maxReplicas: whole,
    metrics: list(fields({
      type: text,
      resource: fields({ name: text, target }),
      containerResource: fields({ name: text, container: text, target }),
      pods: fields({ metric, target }),
      object: fields({ describedObject: reference, metric, target }),
      external: fields({ metric, target })
    })),
    behavior: fields({ scaleUp: rules, scaleDown: rules })
  }),
  status: anything
})

const closed = { additionalProperties: false } as const
const word = Type.String({ rule: 'must be a text' })
const count = Type.Integer({ minimum: 0, maximum: 2 ** 31 - 1, rule: 'must be a whole number from 0' })
const current = Type.Object({ value: Type.Optional(word), averageValue: Type.Optional(word), averageUtilization: Type.Optional(Type.Integer({ rule: 'must be a whole number' })) }, closed)

/** As it is stored: what was decided, and why. */
export const autoscalerStatusShape = Type.Object({
  observedGeneration: Type.Optional(count),
  lastScaleTime: Type.Optional(word),
  currentReplicas: count,
  desiredReplicas: count,
  currentMetrics: Type.Optional(Type.Array(Type.Object({
    type: word,
    resource: Type.Optional(Type.Object({ name: word, current }, closed)),
    containerResource: Type.Optional(Type.Object({ name: word, container: word, current }, closed)),
    pods: Type.Optional(Type.Object({ metric: anything, current }, closed)),
    object: Type.Optional(Type.Object({ describedObject: anything, metric: anything, current }, closed)),
    external: Type.Optional(Type.Object({ metric: anything, current }, closed))
  }, closed), { maxItems: 256, rule: 'must be a list of at most 256' })),
  conditions: Type.Optional(Type.Array(Type.Object({
    type: word, status: Type.Enum(['True', 'False', 'Unknown']), reason: word, message: word, lastTransitionTime: Type.Optional(word)
  }, closed), { maxItems: 16, rule: 'must be a list of at most 16' }))
}, closed)

const defaultMetrics: readonly MetricSpec[] = [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } }]
const defaultScaleUp: ScalingRules = {
  stabilizationWindowSeconds: 0, selectPolicy: 'Max',
  policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, { type: 'Percent', value: 100, periodSeconds: 15 }]
}
/** Without a window: 300 s unless the registry is set otherwise. */
const defaultScaleDown: ScalingRules = { selectPolicy: 'Max', policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }] }

export function autoscalerOf ({ metadata, spec = {} }: LooseObject<HorizontalPodAutoscaler>, namespace: string): HorizontalPodAutoscaler {
  const { scaleTargetRef, minReplicas = 1, maxReplicas = 0, metrics, behavior } = spec
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: metaOf(metadata, namespace),
    spec: compact<HorizontalPodAutoscalerSpec>({
      scaleTargetRef: referenceOf(scaleTargetRef), minReplicas, maxReplicas,
      metrics: several(metrics)?.map(metricOf) ?? defaultMetrics,
      behavior: behavior === undefined ? undefined : {
        scaleUp: { ...defaultScaleUp, ...rulesOf(behavior.scaleUp) }, scaleDown: { ...defaultScaleDown, ...rulesOf(behavior.scaleDown) }
      }
    })
  }
}

function referenceOf (reference: Loose<ScaleTargetReference> = {}): ScaleTargetReference {
  const { apiVersion, kind = '', name = '' } = reference
  return compact<ScaleTargetReference>({ apiVersion: apiVersion === '' ? undefined : apiVersion, kind, name })
}

/** Sources that do not belong to the type stay: validation says that they must not be there. */
function metricOf (spec: MetricSpec): MetricSpec {
  const loose = spec as LooseMetric
  return compact({
    type: loose.type ?? blank,
    resource: loose.resource === undefined ? undefined : { name: loose.resource.name ?? '', target: targetOf(loose.resource.target) },
    containerResource: loose.containerResource === undefined
      ? undefined
      : { name: loose.containerResource.name ?? '', container: loose.containerResource.container ?? '', target: targetOf(loose.containerResource.target) },
    pods: loose.pods === undefined ? undefined : { metric: identifierOf(loose.pods.metric), target: targetOf(loose.pods.target) },
    object: loose.object === undefined
      ? undefined
      : { describedObject: referenceOf(loose.object.describedObject), metric: identifierOf(loose.object.metric), target: targetOf(loose.object.target) },
    external: loose.external === undefined ? undefined : { metric: identifierOf(loose.external.metric), target: targetOf(loose.external.target) }
  }) // one source for its type, once validation has seen it
}

/** All sources side by side. */
export interface LooseMetric {
  readonly type?: MetricSpec['type']
  readonly resource?: { readonly name?: string, readonly target?: Loose<MetricTarget> }
  readonly containerResource?: { readonly name?: string, readonly container?: string, readonly target?: Loose<MetricTarget> }
  readonly pods?: { readonly metric?: Loose<MetricIdentifier>, readonly target?: Loose<MetricTarget> }
  readonly object?: { readonly describedObject?: Loose<ScaleTargetReference>, readonly metric?: Loose<MetricIdentifier>, readonly target?: Loose<MetricTarget> }
  readonly external?: { readonly metric?: Loose<MetricIdentifier>, readonly target?: Loose<MetricTarget> }
}

function targetOf (target: Loose<MetricTarget> = {}): MetricTarget {
  const { type, value, averageValue, averageUtilization } = target
  return compact<MetricTarget>({ type: type ?? blank, value: quantityOf(value), averageValue: quantityOf(averageValue), averageUtilization })
}

function identifierOf (metric: Loose<MetricIdentifier> = {}): MetricIdentifier {
  return compact<MetricIdentifier>({ name: metric.name ?? '', selector: metric.selector })
}

function rulesOf (rules: Loose<ScalingRules> = {}): ScalingRules {
  const { stabilizationWindowSeconds, selectPolicy, tolerance, policies } = rules
  return compact<ScalingRules>({
    stabilizationWindowSeconds, selectPolicy, tolerance: quantityOf(tolerance),
    policies: policies?.map(({ type, value, periodSeconds }: Loose<ScalingPolicy>) =>
      ({ type: type ?? blank, value: value ?? 0, periodSeconds: periodSeconds ?? 0 }))
  })
}

/** A number is written as a text. */
function quantityOf (value: string | number | undefined): string | undefined {
  return value === undefined ? undefined : String(value)
}

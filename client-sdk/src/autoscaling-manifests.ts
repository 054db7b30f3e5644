// The HorizontalPodAutoscaler of Kubernetes (autoscaling/v2), as types only, like manifests.ts. Quantities are texts as written.
import type { Condition, Labels, ObjectMeta } from './manifests.ts'

export interface ScaleTargetReference {
  readonly apiVersion?: string
  readonly kind: string
  readonly name: string
}

export interface MetricTarget {
  readonly type: 'Utilization' | 'Value' | 'AverageValue'
  readonly value?: string
  readonly averageValue?: string
  /** Percent of what was requested. */
  readonly averageUtilization?: number
}

export interface LabelSelector {
  readonly matchLabels?: Labels
  readonly matchExpressions?: readonly { readonly key: string, readonly operator: string, readonly values?: readonly string[] }[]
}

export interface MetricIdentifier {
  readonly name: string
  readonly selector?: LabelSelector
}

export type MetricSpec =
  | { readonly type: 'Resource', readonly resource: { readonly name: string, readonly target: MetricTarget } }
  | { readonly type: 'ContainerResource', readonly containerResource: { readonly name: string, readonly container: string, readonly target: MetricTarget } }
  | { readonly type: 'Pods', readonly pods: { readonly metric: MetricIdentifier, readonly target: MetricTarget } }
  | {
    readonly type: 'Object'
    readonly object: { readonly describedObject: ScaleTargetReference, readonly metric: MetricIdentifier, readonly target: MetricTarget }
  }
  | { readonly type: 'External', readonly external: { readonly metric: MetricIdentifier, readonly target: MetricTarget } }

export interface ScalingPolicy {
  readonly type: 'Pods' | 'Percent'
  readonly value: number
  /** 1 to 1,800. */
  readonly periodSeconds: number
}

export interface ScalingRules {
  /** 0 to 3,600. */
  readonly stabilizationWindowSeconds?: number
  readonly selectPolicy?: 'Max' | 'Min' | 'Disabled'
  readonly policies?: readonly ScalingPolicy[]
  /** A quantity; absent = 0.1. */
  readonly tolerance?: string
}

export interface HorizontalPodAutoscalerSpec {
  readonly scaleTargetRef: ScaleTargetReference
  readonly minReplicas?: number
  readonly maxReplicas: number
  readonly metrics?: readonly MetricSpec[]
  readonly behavior?: { readonly scaleUp?: ScalingRules, readonly scaleDown?: ScalingRules }
}

export interface MetricValueStatus {
  readonly value?: string
  readonly averageValue?: string
  readonly averageUtilization?: number
}

/** As the metric of the spec, with `current` in the place of `target`. */
export type MetricStatus =
  | { readonly type: 'Resource', readonly resource: { readonly name: string, readonly current: MetricValueStatus } }
  | { readonly type: 'ContainerResource', readonly containerResource: { readonly name: string, readonly container: string, readonly current: MetricValueStatus } }
  | { readonly type: 'Pods', readonly pods: { readonly metric: MetricIdentifier, readonly current: MetricValueStatus } }
  | {
    readonly type: 'Object'
    readonly object: { readonly describedObject: ScaleTargetReference, readonly metric: MetricIdentifier, readonly current: MetricValueStatus }
  }
  | { readonly type: 'External', readonly external: { readonly metric: MetricIdentifier, readonly current: MetricValueStatus } }

export interface HorizontalPodAutoscalerStatus {
  readonly observedGeneration?: number
  readonly lastScaleTime?: string
  /** Instances that were counted. */
  readonly currentReplicas: number
  readonly desiredReplicas: number
  readonly currentMetrics?: readonly MetricStatus[]
  readonly conditions?: readonly Condition[]
}

export interface HorizontalPodAutoscaler {
  readonly apiVersion: 'autoscaling/v2'
  readonly kind: 'HorizontalPodAutoscaler'
  readonly metadata: ObjectMeta
  readonly spec: HorizontalPodAutoscalerSpec
  readonly status?: HorizontalPodAutoscalerStatus
}

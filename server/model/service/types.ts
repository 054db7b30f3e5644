// The objects of Kubernetes' Service model, and those beside it. They travel, so that their types are the SDK's; the core reads them under this name.
export * from '../../../client-sdk/src/manifests.ts'
export * from '../../../client-sdk/src/manifest-kinds.ts'
export * from '../../../client-sdk/src/ingress-manifests.ts'
export * from '../../../client-sdk/src/autoscaling-manifests.ts'

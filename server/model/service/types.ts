// The objects of the Kubernetes Service model. They travel, so that their types are the SDK's; the core reads them under this name.
export * from '../../../client-sdk/src/manifests.ts'

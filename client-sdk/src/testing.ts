// @rollcall/client/testing: a registry in memory and a clock that is moved by hand, for the tests of programs that use the SDK.
//   const registry = createTestRegistry(); const rollcall = new Rollcall(registry.options)
export { createTestClock } from './testing/clock.ts'
export type { TestClock } from './testing/clock.ts'
export { createTestRegistry, TestRegistry } from './testing/registry.ts'
export type { TestRegistryOptions, TestRequest } from './testing/registry.ts'

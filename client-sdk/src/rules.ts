// What the registry and its clients agree on, as pure functions without a dependency: the registry imports them from
// here.
export { answered, callable, canServe, conditionsOf, endpointOf } from './rules/callable.ts'
export type { Answered, Called } from './rules/callable.ts'
export { loadFaults, loadNamePattern, loadNameRule, maxLoadNameLength, maxLoadValues } from './rules/load.ts'
export {
  generationPattern, generationRule, idPattern, idRule, isGeneration, isId, isLabel, isLabelKey, isLabelValue, labelKeyPattern, labelKeyRule,
  labelPattern, labelRule, labelValuePattern, labelValueRule, maxGenerationLength, maxIdLength, maxLabelLength
} from './rules/names.ts'
export { matches, maxSelectorLength, maxSelectorRequirements, parseSelector, SelectorFault } from './rules/selector.ts'
export type { LabelLookup, Requirement, Selector } from './rules/selector.ts'
export { type TlsFault, type TlsFaultKind, type TlsHints, tlsFaultOf } from './rules/tls-faults.ts'

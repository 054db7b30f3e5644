// Requests of the native API against their schemas.
import { validatorCompiler } from '../server/validation.ts'
import { components } from './schemas.ts'

/** For Fastify's `setValidatorCompiler`. */
export const compileValidator = validatorCompiler(components)

import type * as v from 'valibot'

import type { Kind } from './kinds.ts'

/** The schema that a kind is. Not beside the kinds, whose types are public and must not need valibot's. */
export function schemaOf<In, Out>(of: Kind<In, Out>): v.GenericSchema<In, Out> {
  return of as v.GenericSchema<In, Out>
}

import { join } from 'node:path'

import { FIXTURES as APPS } from '../../helpers/dist.ts'

export const FIXTURES: string = join(APPS, '../bench')
/** Answers with its pid. */
export const APP: string = join(FIXTURES, 'app.cjs')
/** Answers with what it was asked; no signal handler. */
export const RELOADED_APP: string = join(APPS, 'http.cjs')

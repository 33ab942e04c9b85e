import { join } from 'node:path'

/** The built programs, as a user has them. */
export const DIST: string = join(import.meta.dirname, '../../dist')
export const FIXTURES: string = join(import.meta.dirname, '../fixtures/apps')

/** The JSON schema of ecosystem files, out of the table that checks them; `scripts/schema.mjs` writes it. */

import * as v from 'valibot'

import { APP_KEYS } from './app-keys.ts'
import { isRecord, type JsonSchema, type Kind } from './kinds.ts'
import { ALIASES } from './pm2-keys.ts'
import { schemaOf } from './schema-of.ts'

/** Keys without a doc of their own. */
const OF_PM2 = "Accepted for PM2's sake; lbm does the same without it."

/** @param docs what the keys of `AppKeys` say about themselves */
export function ecosystemJsonSchema(docs: Readonly<Record<string, string>>): JsonSchema {
  const keys = Object.entries(APP_KEYS as unknown as Record<string, Kind<unknown, unknown>>)
  const properties = Object.fromEntries(
    keys.map(([key, kind]) => [key, { description: docs[key] || OF_PM2, ...valueSchema(kind) }]),
  )
  const aliases = Object.fromEntries(
    Object.entries(ALIASES).map(([alias, key]) => [
      alias,
      { $ref: `#/definitions/app/properties/${key}`, description: `The same as ${key}.` },
    ]),
  )
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'lbm ecosystem file',
    definitions: {
      app: {
        type: 'object',
        properties: { ...properties, ...aliases },
        patternProperties: {
          '^env_(?!file$)': { type: 'object', description: 'Added to env by --env <name>.' },
        },
      },
    },
    type: 'object',
    properties: {
      apps: {
        anyOf: [
          { type: 'array', items: { $ref: '#/definitions/app' } },
          { $ref: '#/definitions/app' },
        ],
      },
      deploy: { type: 'object' },
    },
    required: ['apps'],
  }
}

function valueSchema(kind: Kind<unknown, unknown>): JsonSchema {
  const { json, keys } = v.getMetadata(schemaOf(kind) as Parameters<typeof v.getMetadata>[0])
  if (!isRecord(keys)) return (json as JsonSchema | undefined) ?? {}
  const properties = Object.fromEntries(
    Object.entries(keys).map(([key, inner]) => [key, valueSchema(inner as Kind<unknown, unknown>)]),
  )
  // A simpler value than the object stands for one of its keys.
  return { anyOf: [{ type: 'object', properties }, { not: { type: 'object' } }] }
}

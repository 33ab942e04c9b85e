import { expect, test } from 'vitest'

import { newCli } from '../../helpers/cli.ts'

test('set, get, multiset, config, conf and unset', async () => {
  await using cli = newCli()
  const set = await cli.ok('set', 'mod:key', 'value')
  expect(set.stdout).toBe('[lbm] Setting changed\n$ lbm set mod:key value\n')
  await cli.ok('set', 'mod.other', 'a b')
  await cli.ok('set', 'plain', '1')
  expect((await cli.ok('get', 'mod:key')).stdout).toBe('Value for module mod key key: value\n')
  expect((await cli.ok('get', 'mod.other')).stdout).toBe('Value for module mod key other: a b\n')
  expect((await cli.ok('config', 'plain')).stdout).toBe('Value for key plain: 1\n')
  await cli.ok('config', 'plain', '2')
  await cli.ok('multiset', `mod:a 1 mod:api_key 'two words'`)
  const all = await cli.ok('conf', '--json')
  expect(JSON.parse(all.stdout)).toEqual({
    'mod:key': 'value',
    'mod:other': 'a b',
    plain: '2',
    'mod:a': '1',
    'mod:api_key': '********',
  })
  expect((await cli.ok('get', 'mod:api_key')).stdout).toContain('two words')
  await cli.ok('unset', 'plain')
  const gone = await cli.lbm('get', 'plain')
  expect(gone).toMatchObject({ exitCode: 1, stdout: '' })
  await cli.ok('unset', 'all')
  expect((await cli.ok('get')).stdout).toBe('')
  expect((await cli.lbm('multiset', 'a')).exitCode).toBe(2)
})

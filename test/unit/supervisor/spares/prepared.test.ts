import { expect, test } from 'vitest'

import {
  type Asked,
  type Heard,
  isPrepared,
} from '../../../../daemon/supervisor/spares/prepared.ts'

const NOTHING: Heard = { isQuiet: false, hasSaidReady: false, listening: [], wantsDatagrams: false }
const ON_80 = { address: '::', port: 80 }
const ON_81 = { address: '::', port: 81 }
const SERVER: Asked = { places: [ON_80], listens: true, awaitsWord: false }

test.each<[string, Partial<Heard>, Partial<Asked>, boolean]>([
  ['it listens nowhere yet', {}, {}, false],
  ['where the others do', { listening: [ON_80] }, {}, true],
  ['by another address of the host', { listening: [{ address: '0.0.0.0', port: 80 }] }, {}, true],
  ['elsewhere', { listening: [ON_81] }, {}, false],
  ['on one of two ports', { listening: [ON_80] }, { places: [ON_80, ON_81] }, false],
  ['on both', { listening: [ON_81, ON_80] }, { places: [ON_80, ON_81] }, true],
  ['without its word', { listening: [ON_80] }, { awaitsWord: true }, false],
  ['with its word', { listening: [ON_80], hasSaidReady: true }, { awaitsWord: true }, true],
  ['its word alone', { hasSaidReady: true }, { awaitsWord: true }, false],
  [
    'others have a random port, and so has it',
    { listening: [ON_81] },
    { places: [{ ...ON_80, random: true }] },
    true,
  ],
  ['others have a random port', { isQuiet: true }, { places: [{ ...ON_80, random: true }] }, false],
  [
    'datagrams are wanted, and come when it is chosen',
    { wantsDatagrams: true },
    { places: [{ address: 'udp:0.0.0.0', port: 53 }] },
    true,
  ],
  ['a worker, still loading', {}, { places: [], listens: false }, false],
  ['a worker that has loaded', { isQuiet: true }, { places: [], listens: false }, true],
  [
    'a worker that says when',
    { hasSaidReady: true },
    { places: [], listens: false, awaitsWord: true },
    true,
  ],
  [
    'sockets: by their path',
    { listening: [{ address: '/a', port: -1 }] },
    { places: [{ address: '/b', port: -1 }] },
    false,
  ],
])('%s', (_, heard, asked, expected) => {
  expect(isPrepared({ ...NOTHING, ...heard }, { ...SERVER, ...asked })).toBe(expected)
})

import fc from 'fast-check'
import { expect, test } from 'vitest'

import { createInlets, type Inlet } from '../../../daemon/supervisor/logs/inlets.ts'
import type { LogFile } from '../../../daemon/supervisor/logs/log-file.ts'

/** Keeps the text; `onDisk` bytes of it are out of reach. */
function recordingFile(): { file: LogFile; text: () => string; write: () => void } {
  let text = ''
  let onDisk = 0
  const file: Pick<LogFile, 'append' | 'takeUnfinished'> = {
    append(bytes) {
      text += bytes.toString('latin1')
      return true
    },
    takeUnfinished() {
      const from = text.lastIndexOf('\n') + 1
      if (from < onDisk || from === text.length) return undefined
      const taken = text.slice(from)
      text = text.slice(0, from)
      return Buffer.from(taken, 'latin1')
    },
  }
  return { file: file as LogFile, text: () => text, write: () => void (onDisk = text.length) }
}

test('one stream: chunks pass as they are', () => {
  const { file, text } = recordingFile()
  const inlet = createInlets(file)()
  inlet.write(Buffer.from('half'))
  expect(text()).toBe('half')
  inlet.end()
  expect(text()).toBe('half')
})

test('the next stream begins a line of its own behind an unfinished one', () => {
  const { file, text } = recordingFile()
  const open = createInlets(file)
  const first = open()
  first.write(Buffer.from('fatal: no newline'))
  first.end()
  open().write(Buffer.from('started\n'))
  expect(text()).toBe('fatal: no newline\nstarted\n')
})

test('a stream that comes while another is in the middle of a line does not tear it', () => {
  const { file, text } = recordingFile()
  const open = createInlets(file)
  const first = open()
  first.write(Buffer.from('one\ntw'))
  const second = open()
  second.write(Buffer.from('ONE\n'))
  first.write(Buffer.from('o\n'))
  expect(text()).toBe('one\nONE\ntwo\n')
})

test('what was unfinished on the disk for long is ended by a newline', () => {
  const { file, text, write } = recordingFile()
  const open = createInlets(file)
  const first = open()
  first.write(Buffer.from('prompt> '))
  write()
  open().write(Buffer.from('other\n'))
  first.write(Buffer.from('answer\n'))
  expect(text()).toBe('prompt> \nother\nanswer\n')
})

const action = fc.record({
  stream: fc.nat(2),
  bytes: fc.integer({ min: 1, max: 12 }),
  ends: fc.boolean(),
})

test('lines of streams that come and go are never torn, and none is lost', () => {
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
      const { file, text } = recordingFile()
      const open = createInlets(file)
      const open3: { inlet: Inlet; rest: string }[] = []
      const expected: string[] = []
      let made = 0
      for (const { stream, bytes, ends } of actions) {
        const place = (open3[stream] ??= begin())
        place.inlet.write(Buffer.from(place.rest.slice(0, bytes)))
        place.rest = place.rest.slice(bytes)
        if (!ends && place.rest !== '') continue
        place.inlet.write(Buffer.from(place.rest))
        place.inlet.end()
        open3[stream] = begin()
      }
      for (const { inlet, rest } of open3.filter(Boolean)) {
        inlet.write(Buffer.from(rest))
        inlet.end()
      }
      expect(text().split('\n').filter(Boolean).toSorted()).toEqual(expected.toSorted())

      function begin(): { inlet: Inlet; rest: string } {
        const lines = [`<${made}-first>`, `<${made}-last>`]
        made += 1
        expected.push(...lines)
        return { inlet: open(), rest: lines.join('\n') }
      }
    }),
  )
})

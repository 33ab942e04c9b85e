/** Answers one request for a file. */

import { createHash, timingSafeEqual } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'

import send from 'send'

import { listFolder } from './list-folder.ts'
import type { ServeSettings } from './settings.ts'

/** Certificates are asked for here; other dotfiles are nobody's business. */
const WELL_KNOWN = '/.well-known/'
const NOT_FOUND_PAGE = '/404.html'

export function requestHandler(
  settings: ServeSettings,
): (request: IncomingMessage, response: ServerResponse) => void {
  const { root, homepage, isSpa, lists, login } = settings
  const hasNotFoundPage = existsSync(join(root, NOT_FOUND_PAGE))

  function sendFile(request: IncomingMessage, response: ServerResponse, path: string): void {
    const dotfiles = path.startsWith(WELL_KNOWN) ? 'allow' : 'ignore'
    const index = homepage.slice(1)
    const stream = send(request, path, { root, dotfiles, index, extensions: ['html'] })
    stream.on('error', ({ status = 500 }) => {
      const folder = status === 404 && lists ? folderOf(root, path) : undefined
      if (folder === undefined) sendError(request, response, status)
      else void listFolder(response, folder, path)
    })
    stream.pipe(response)
  }

  function sendError(request: IncomingMessage, response: ServerResponse, status: number): void {
    if (response.headersSent) {
      response.destroy()
      return
    }
    if (status === 404 && isSpa) sendInstead(request, response, homepage, 200)
    else if (status === 404 && hasNotFoundPage) sendInstead(request, response, NOT_FOUND_PAGE, 404)
    else endWith(response, status)
  }

  /** Another file than the one that was asked for. */
  function sendInstead(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    status: number,
  ): void {
    response.statusCode = status
    send(request, path, { root, index: false })
      .on('error', () => endWith(response, 404))
      .pipe(response)
  }

  return (request, response) => {
    if (login !== undefined && !isLoggedIn(request, login)) {
      response.setHeader('WWW-Authenticate', 'Basic realm="lbm serve", charset="UTF-8"')
      endWith(response, 401)
    } else if (request.method === 'GET' || request.method === 'HEAD') {
      sendFile(request, response, pathOf(request))
    } else {
      response.setHeader('Allow', 'GET, HEAD')
      endWith(response, 405)
    }
  }
}

/** Without the query; `send` decodes it, and refuses what leads out of the folder. */
function pathOf({ url = '/' }: IncomingMessage): string {
  const path = url.replace(/^[a-z]+:\/\/[^/]*/i, '').replace(/[?#].*$/s, '')
  return path === '' ? '/' : path
}

/** @returns undefined for what is no folder, or is hidden */
function folderOf(root: string, path: string): string | undefined {
  if (!path.endsWith('/')) return undefined
  const parts = decodeURIComponent(path).split('/')
  if (parts.some((part) => part.startsWith('.'))) return undefined
  const folder = join(root, ...parts)
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() ? folder : undefined
}

function endWith(response: ServerResponse, status: number): void {
  response.statusCode = status
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  response.end(`${status}\n`)
}

function isLoggedIn(
  { headers: { authorization = '' } }: IncomingMessage,
  { username, password }: { username: string; password: string },
): boolean {
  const given = /^Basic +([\w+/=-]+)$/i.exec(authorization)?.[1] ?? ''
  // Hashes have one length, and are compared in the same time whatever is in them.
  return timingSafeEqual(hashOf(Buffer.from(given, 'base64')), hashOf(`${username}:${password}`))
}

function hashOf(data: Buffer | string): Buffer {
  return createHash('sha256').update(data).digest()
}

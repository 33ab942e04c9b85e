/** What is used here of the package `send`, which brings no types. */
declare module 'send' {
  import type { IncomingMessage, ServerResponse } from 'node:http'

  interface SendOptions {
    root: string
    dotfiles?: 'allow' | 'deny' | 'ignore'
    index?: string | false
    extensions?: string[]
  }

  interface SendStream {
    on(event: 'error', listener: (error: Error & { status?: number }) => void): SendStream
    pipe(response: ServerResponse): void
  }

  function send(request: IncomingMessage, path: string, options: SendOptions): SendStream
  export default send
}

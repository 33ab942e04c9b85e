/** Sends a record to a URL. */

/** Resolves with the status. @throws Error when there is none before `signal` fires */
export async function postRecord(url: URL, body: string, signal: AbortSignal): Promise<number> {
  // Most supervisors never need either of them.
  const { request } =
    url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      {
        method: 'POST',
        signal,
        agent: false,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          'user-agent': 'lbm-hook',
        },
      },
      (response) => {
        resolve(response.statusCode ?? 0)
        // What it has to say is of no use here, but it is let finish.
        response.on('error', () => undefined)
        response.resume()
      },
    )
    call.on('error', reject)
    call.end(body)
  })
}

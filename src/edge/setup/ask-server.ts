import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Listener } from '../../core/setup/addresses.ts'

const PATIENCE = 3000

/** Asks a server on this machine for a path and gives the status of its answer; undefined when nobody answers. The Host is an address, which the
 *  Core Rule Set notes (920350), as it does names of backups (920440). Nobody is counted for that: this machine is never blocked. */
export function askServer({ host, port, isTls }: Listener, path: string): Promise<number | undefined> {
  return new Promise(resolve => {
    const options = {
      host,
      port,
      path,
      timeout: PATIENCE,
      agent: false,
      headers: { Host: '127.0.0.1', 'User-Agent': 'modwarden-setup', Accept: '*/*' },
      // The name of a certificate says nothing here: the server is on this machine.
      rejectUnauthorized: false,
    }
    const sent = (isTls ? httpsRequest : httpRequest)(options, response => {
      response.resume()
      response.on('end', () => resolve(response.statusCode))
      response.on('error', () => resolve(response.statusCode))
    })
    sent.on('timeout', () => sent.destroy())
    sent.on('error', () => resolve(undefined))
    sent.end()
  })
}

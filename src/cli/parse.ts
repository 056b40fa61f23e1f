import { once } from 'node:events'
import { dirname } from 'node:path'
import { type Command, Option } from 'commander'
import { type ParseContext, parseEntry } from '../core/entry/parse.ts'
import { createSplitter, type Piece } from '../core/entry/split.ts'
import { createLocalOffset } from '../core/entry/time.ts'
import type { AuditEvent, Format, Result } from '../core/types.ts'
import { openIndexed } from '../edge/indexed-file.ts'
import { readBytes, unpacked } from '../edge/read-lines.ts'
import { jsonLine } from './output.ts'

type Options = { format: string; storage?: string; strict?: true }
type Source = { name: string; storageDir: string; chunks: AsyncIterable<Buffer> }
type Totals = { parsed: number; problems: number; bytes: number }
type Reading = { options: Options; context: ParseContext; totals: Totals; names: boolean }

const FORMATS = ['auto', 'v3-json', 'v2-json', 'v3-native', 'v2-native', 'coraza-json', 'coraza-json-legacy', 'coraza-native']
const WRITE_BYTES = 64 * 1024

/** Adds the command `parse`: audit log in, events out, one JSON object a line. */
export function registerParse(program: Command): void {
  program
    .command('parse')
    .description('audit log to events, one JSON object a line on stdout; what cannot be read is told on stderr')
    .argument('[file...]', 'audit logs or indexes of concurrent ones, .gz and .zst too (default: stdin)')
    .addOption(new Option('--format <format>', 'take only entries of this format').choices(FORMATS).default('auto'))
    .option('--storage <dir>', 'where the files of a concurrent log lie (default: the folder of the index)')
    .option('--strict', 'exit 1 when any entry could not be read')
    .addHelpText('after', "\nExample:\n  modwarden parse /var/log/modsecurity/audit.log | jq -c '[.at, .ip, .uri]'")
    .action(parse)
}

async function parse(files: string[], options: Options): Promise<void> {
  const totals = { parsed: 0, problems: 0, bytes: 0 }
  const reading = { options, context: { localOffsetMinutes: createLocalOffset() }, totals, names: files.length > 1 }
  for (const source of sources(files, options)) await parseSource(source, reading)
  process.stderr.write(`${JSON.stringify(totals)}\n`)
  if (options.strict && totals.problems > 0) process.exitCode = 1
}

function sources(files: readonly string[], { storage }: Options): Source[] {
  if (files.length === 0) return [{ name: 'stdin', storageDir: storage ?? '.', chunks: unpacked(readBytes('-')) }]
  return files.map(name => ({ name, storageDir: storage ?? dirname(name), chunks: unpacked(readBytes(name)) }))
}

async function parseSource(source: Source, reading: Reading): Promise<void> {
  const splitter = createSplitter({ offset: 0 })
  const write = createWriter(process.stdout)
  try {
    for await (const chunk of source.chunks) {
      reading.totals.bytes += chunk.length
      for (const piece of splitter.push(chunk)) await write(await readPiece(piece, source, reading))
    }
  } catch (error) {
    throw new Error(`cannot read ${source.name}: ${(error as Error).message}`, { cause: error })
  }
  for (const piece of splitter.finish()) await write(await readPiece(piece, source, reading))
  await write('', true)
}

/** Gives the line for stdout, '' for a piece that is no event: that is told on stderr. */
async function readPiece(piece: Piece, source: Source, { options, context, totals, names }: Reading): Promise<string> {
  const event = await readEvent(piece, { ...options, storage: source.storageDir }, context)
  const place = { offset: piece.start, length: piece.end - piece.start }
  if (event.ok) {
    totals.parsed += 1
    return `${jsonLine({ ...shown(event.value), ...place })}\n`
  }
  totals.problems += 1
  process.stderr.write(`${JSON.stringify({ problem: event.problem, ...place, ...(names ? { file: source.name } : {}) })}\n`)
  return ''
}

async function readEvent(
  piece: Piece,
  { format, storage }: Options & { storage: string },
  context: ParseContext,
): Promise<Result<AuditEvent>> {
  if (piece.kind === 'skipped') return { ok: false, problem: piece.problem }
  const found = piece.format === 'index-line' ? await openIndexed(piece.text, storage) : ({ ok: true, value: piece } as const)
  if (!found.ok) return found
  if (found.value.trust === 'low' || piece.trust === 'low') return { ok: false, problem: 'may be text that a client sent: it never counts' }
  if (format !== 'auto' && found.value.format !== (format as Format)) return { ok: false, problem: `is of format ${found.value.format}` }
  return parseEntry(found.value, context)
}

/** An event in the shape of the contract; undefined becomes null. */
function shown({ id, at, ip, port, request, status, matches, inboundScore, loggedScore, intercepted, format }: AuditEvent) {
  const { method = null, uri = null, protocol = null, headers = [], body = null } = request ?? {}
  return {
    id,
    at: new Date(at).toISOString(),
    ip,
    port: port ?? null,
    method,
    uri,
    protocol,
    status: status ?? null,
    headers,
    body,
    matches,
    inbound_score: inboundScore ?? null,
    logged_score: loggedScore ?? null,
    intercepted,
    format,
  }
}

/** Gathers lines into large writes and waits while the reader of the pipe does not keep up. */
function createWriter(out: NodeJS.WritableStream): (line: string, isLast?: boolean) => Promise<void> {
  let waiting = ''
  return async (line, isLast = false) => {
    waiting += line
    if (waiting === '' || (waiting.length < WRITE_BYTES && !isLast)) return
    const text = waiting
    waiting = ''
    if (!out.write(text)) await once(out, 'drain')
  }
}

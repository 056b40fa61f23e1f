// A thread of its own: reading a model takes longer than a request may wait.
import { parentPort, workerData } from 'node:worker_threads'
import { loadActive } from '../model-file.ts'

parentPort!.postMessage(loadActive((workerData as { folder: string }).folder))

// A thread of its own: reading a model takes longer than a request may wait.
import { parentPort, workerData } from 'node:worker_threads'
import { loadModelParts } from '../model-file.ts'

parentPort!.postMessage(loadModelParts((workerData as { folder: string }).folder))

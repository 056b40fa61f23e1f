// A thread of its own: reading a model takes longer than a request may wait.
import { parentPort, workerData } from 'node:worker_threads'
import { loadModel } from '../model-file.ts'

parentPort!.postMessage(loadModel((workerData as { folder: string }).folder))

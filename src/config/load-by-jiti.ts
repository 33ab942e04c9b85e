/** ES modules and TypeScript; apart, since the compiler inside is large. */
import { createJiti } from 'jiti'

/** Nothing is cached: a file is read once by a process that ends. */
export async function loadByJiti(file: string): Promise<unknown> {
  return await createJiti(file, {
    fsCache: false,
    moduleCache: false,
    interopDefault: false,
  }).import(file)
}

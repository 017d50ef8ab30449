// Bundles the page into `dist`, where the server's build embeds it.

import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { defineConfig } from 'vite';

// Replaces every file by its gzip, the page itself aside: the server then neither carries the
// megabytes of the editor uncompressed nor compresses them again for each visitor.
function gzipAssets(folder) {
  return {
    name: 'gzip-assets',
    apply: 'build',
    closeBundle() {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || entry.name === 'index.html') continue;
        const file = join(entry.parentPath, entry.name);
        writeFileSync(`${file}.gz`, gzipSync(readFileSync(file), { level: 9 }));
        rmSync(file);
      }
    },
  };
}

export default defineConfig({
  base: '/graphiql/',
  build: {
    // The content security policy lets no script or picture in as a `data:` address.
    assetsInlineLimit: 0,
    // Monaco is one chunk of three megabytes whatever is done.
    chunkSizeWarningLimit: 4096,
    modulePreload: { polyfill: false },
  },
  plugins: [gzipAssets('dist')],
  server: { proxy: { '/graphql': { target: 'http://127.0.0.1:8000', ws: true } } },
});

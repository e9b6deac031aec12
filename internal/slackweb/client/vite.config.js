import { fileURLToPath } from 'node:url'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// The page is served by Go from dist: hashed names, no source maps, nothing inlined that its content security policy refuses.
export default defineConfig({
  plugins: [react()],
  // For browsers it has the browser read "&amp;" and its like as markup, which the policy forbids. The other one looks them up.
  resolve: {
    alias: { 'decode-named-character-reference': fileURLToPath(new URL('node_modules/decode-named-character-reference/index.js', import.meta.url)) },
  },
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    target: 'es2022',
    license: { fileName: 'licenses.md' }, // which the libraries ask to have beside them
    chunkSizeWarningLimit: 1500,
  },
})

import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// The page is served by Go from dist: hashed names, no source maps, nothing inlined that its content security policy refuses.
export default defineConfig({
  plugins: [react()],
  build: {
    outDir: '../dist',
    emptyOutDir: true,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    target: 'es2022',
    chunkSizeWarningLimit: 1500,
  },
})

"""HTTP code shared by discovery, doctor and the runtime: sessions, proxies, redirects, limits and failures."""

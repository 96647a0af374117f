"""The local page: videos in, events on the screen, a person's verdict on each, files out.

Everything stays on this machine: the server listens on the loopback address alone, and the page
loads nothing from elsewhere. Starlette and uvicorn (extra ``app``) are imported when it is started.
"""

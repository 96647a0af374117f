"""What was found in a video, to look at: curves, pictures of events, and a page that holds both.

Curves, pictures and the timeline know nothing of HTML.
"""

from merkit.viewing.page import render_video_page, write_video_page
from merkit.viewing.pictures import EventPictures, PictureConfig, event_pictures

__all__ = [
    "EventPictures",
    "PictureConfig",
    "event_pictures",
    "render_video_page",
    "write_video_page",
]

"""What is wrong between a configuration and its servers, and what to do."""

from genesis.doctor.examination import Examination, Step, examine

__all__ = ["Examination", "Step", "examine"]
